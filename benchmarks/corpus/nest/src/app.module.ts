import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AcceptLanguageResolver, I18nModule, QueryResolver } from 'nestjs-i18n';
import { join } from 'path';
import { AppController } from './app.controller';
import { configuration } from './configuration';
import { ShipsModule } from './ships/ships.module';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, load: [configuration] }),
    I18nModule.forRoot({
      fallbackLanguage: 'en',
      loaderOptions: { path: join(__dirname, '..', 'i18n'), watch: false },
      resolvers: [new QueryResolver(['l']), AcceptLanguageResolver],
    }),
    ShipsModule,
  ],
  controllers: [AppController],
})
export class AppModule {}
